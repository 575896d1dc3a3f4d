-- How many of something there have been. A transaction that takes the next number writes its row first.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    last BIGINT NOT NULL
);

INSERT INTO counters (name, last) VALUES ('jobs', 0);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    -- Jobs in the order in which they were submitted.
    number BIGINT NOT NULL UNIQUE,
    -- The message of the contract, in hex.
    spec TEXT NOT NULL,
    state TEXT NOT NULL,
    cause TEXT NOT NULL,
    submitted_by TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    -- The number of its last event.
    events BIGINT NOT NULL
);

CREATE INDEX jobs_by_state ON jobs (state, number);

CREATE TABLE job_parties (
    job_id TEXT NOT NULL REFERENCES jobs (id),
    participant TEXT NOT NULL,
    PRIMARY KEY (job_id, participant)
);

CREATE INDEX jobs_by_participant ON job_parties (participant);

CREATE TABLE job_events (
    job_id TEXT NOT NULL REFERENCES jobs (id),
    number BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    cause TEXT NOT NULL,
    PRIMARY KEY (job_id, number)
);
