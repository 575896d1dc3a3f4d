-- Where the receipts that are kept begin: the last one that was removed after its years, in one row. Whoever removes some writes
-- it first.
CREATE TABLE removed (
    place BIGINT PRIMARY KEY,
    number BIGINT NOT NULL,
    digest TEXT NOT NULL,
    at_s BIGINT NOT NULL
);

INSERT INTO removed (place, number, digest, at_s) VALUES (1, 0, '', 0);

-- Pages of those under one agreement, and of one event.
CREATE INDEX receipts_by_agreement ON receipts (agreement, number);
CREATE INDEX receipts_of_event ON receipts (event, number);
