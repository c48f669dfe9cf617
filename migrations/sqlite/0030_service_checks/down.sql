DROP TABLE service_checks;
