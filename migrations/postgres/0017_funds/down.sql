DROP TABLE fund_source_kinds;
DROP TABLE fund_sectors;
DROP TABLE funds;
