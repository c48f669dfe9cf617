DROP INDEX webhook_deliveries_due;
ALTER TABLE webhook_deliveries DROP COLUMN is_blocked;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, status, next_attempt_at, id);
DROP INDEX milestones_tally;
CREATE INDEX milestones_tally ON milestones (pairing_id, agreement_id, project_id, status, is_open, due_on,
    baseline_due_on, met_on, weight_thousandths, progress);
