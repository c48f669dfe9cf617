DROP TABLE api_key_pairings;
DROP TABLE api_keys;
