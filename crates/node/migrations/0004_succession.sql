-- Identities that others took the place of, as this participant's operator accepted it: one successor for each key.
CREATE TABLE successions (
    participant TEXT NOT NULL,
    former TEXT NOT NULL,
    identity TEXT NOT NULL,
    body TEXT NOT NULL,
    person TEXT NOT NULL,
    at_s BIGINT NOT NULL,
    PRIMARY KEY (participant, former)
);

CREATE UNIQUE INDEX successions_by_identity ON successions (identity);
