DROP TABLE webhook_deliveries;
DROP TABLE webhook_pairings;
DROP TABLE webhooks;
