-- Results that this node has or had. While a result is being deleted, cause and person say why and for whom; a process that
-- ends in between leaves the rest to the next.
CREATE TABLE results (
    job TEXT PRIMARY KEY,
    agreement TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    byte_count BIGINT NOT NULL,
    made_s BIGINT NOT NULL,
    due_s BIGINT NOT NULL,
    state TEXT NOT NULL,
    exports BIGINT NOT NULL,
    cause TEXT NOT NULL,
    person TEXT NOT NULL
);

CREATE INDEX results_by_due ON results (state, due_s);
