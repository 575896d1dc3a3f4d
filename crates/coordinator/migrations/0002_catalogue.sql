-- Whoever publishes or withdraws takes the next number first, so one does at a time.
INSERT INTO counters (name, last) VALUES ('entries', 0);

CREATE TABLE entries (
    participant TEXT NOT NULL,
    dataset TEXT NOT NULL,
    version BIGINT NOT NULL,
    -- Entries in the order in which they came.
    number BIGINT NOT NULL UNIQUE,
    -- Of what was signed, in hex.
    digest TEXT NOT NULL,
    -- The signed statement: canonical JSON.
    envelope TEXT NOT NULL,
    -- 1 for the version that is published now.
    published BIGINT NOT NULL,
    -- What the statement says, for searching.
    name TEXT NOT NULL,
    code TEXT NOT NULL,
    domain TEXT NOT NULL,
    sharing TEXT NOT NULL,
    department TEXT NOT NULL,
    abstract TEXT NOT NULL,
    -- Types of keys, each between spaces.
    key_types TEXT NOT NULL,
    -- What words are looked for in, in small letters.
    words TEXT NOT NULL,
    taken_ms BIGINT NOT NULL,
    PRIMARY KEY (participant, dataset, version)
);

CREATE INDEX entries_published ON entries (published, number);

CREATE TABLE withdrawals (
    participant TEXT NOT NULL,
    dataset TEXT NOT NULL,
    -- This version was withdrawn, and all before it.
    version BIGINT NOT NULL,
    envelope TEXT NOT NULL,
    taken_ms BIGINT NOT NULL,
    PRIMARY KEY (participant, dataset, version)
);
