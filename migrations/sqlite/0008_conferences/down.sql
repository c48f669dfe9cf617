DROP TABLE conference_participants;
DROP TABLE conferences;
