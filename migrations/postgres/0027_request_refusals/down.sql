DROP TABLE request_refusals;
