DROP TABLE project_organizations;
DROP TABLE project_sectors;
DROP TABLE projects;
