-- The index of sums over milestones ends with the last change, so that those of a past instant are read from it alone.
DROP INDEX milestones_tally;
CREATE INDEX milestones_tally ON milestones (pairing_id, agreement_id, project_id, status, is_open, due_on,
    baseline_due_on, met_on, weight_thousandths, progress, updated_at);

-- Whether an earlier event of the same record is still to be delivered to the webhook: such a delivery is not looked at
-- until that one has ended. Of equal meaning to a subquery over the pending deliveries, but held by an index.
ALTER TABLE webhook_deliveries ADD COLUMN is_blocked BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE webhook_deliveries SET is_blocked = TRUE
WHERE status = 'pending' AND EXISTS (
    SELECT 1 FROM webhook_deliveries AS earlier
    WHERE earlier.webhook_id = webhook_deliveries.webhook_id
        AND earlier.status = 'pending'
        AND earlier.entity = webhook_deliveries.entity
        AND earlier.record_id = webhook_deliveries.record_id
        AND earlier.event_id < webhook_deliveries.event_id
);
DROP INDEX webhook_deliveries_due;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, status, is_blocked, next_attempt_at, id);
