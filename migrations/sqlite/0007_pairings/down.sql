DROP TABLE pairing_sectors;
DROP TABLE pairing_members;
DROP TABLE pairings;
