DROP TABLE progress_reports;
DROP TABLE commitment_responsible;
DROP TABLE commitments;
