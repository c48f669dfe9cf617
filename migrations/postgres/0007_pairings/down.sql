DROP TABLE api_key_pairings;
DROP TABLE pairing_sectors;
DROP TABLE pairing_members;
DROP TABLE pairings;
