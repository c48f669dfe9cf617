DROP TABLE exchange_names;
DROP TABLE exchanges;
