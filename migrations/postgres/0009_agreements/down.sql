DROP TABLE amendments;
DROP TABLE agreement_sectors;
DROP TABLE agreement_parties;
DROP TABLE agreements;
