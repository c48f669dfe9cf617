DROP TABLE resolution_responsible;
DROP TABLE resolutions;
