CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    spec BLOB NOT NULL,
    state TEXT NOT NULL,
    cause TEXT NOT NULL,
    submitted_by TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);

CREATE INDEX jobs_by_state ON jobs (state);

CREATE TABLE job_parties (
    job_id TEXT NOT NULL REFERENCES jobs (id),
    participant TEXT NOT NULL,
    PRIMARY KEY (job_id, participant)
);

CREATE INDEX jobs_by_participant ON job_parties (participant);

CREATE TABLE job_events (
    job_id TEXT NOT NULL REFERENCES jobs (id),
    at_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    cause TEXT NOT NULL
);

CREATE INDEX events_by_job ON job_events (job_id);
