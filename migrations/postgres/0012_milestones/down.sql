DROP TABLE milestone_revisions;
DROP TABLE milestone_dependencies;
DROP TABLE milestone_responsible;
DROP TABLE milestones;
