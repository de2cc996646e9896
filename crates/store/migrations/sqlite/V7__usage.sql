-- What organizations use, booked with the journal rows that tell it. Days and months are of UTC,
-- money is in billionths of a US dollar, '' stands for none.

CREATE TABLE usage_days (
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    day TEXT NOT NULL,
    project_id TEXT NOT NULL,
    api_key_id TEXT NOT NULL,
    end_user_id TEXT NOT NULL,
    model TEXT NOT NULL,
    tasks INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    tool_calls INTEGER NOT NULL,
    sandbox_ms INTEGER NOT NULL,
    cost_nanousd INTEGER NOT NULL,
    PRIMARY KEY (organization_id, day, project_id, api_key_id, end_user_id, model)
) WITHOUT ROWID;

CREATE TABLE usage_months (
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    month TEXT NOT NULL,
    tasks INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    cost_nanousd INTEGER NOT NULL,
    PRIMARY KEY (organization_id, month)
) WITHOUT ROWID;

CREATE TABLE usage_caps (
    organization_id TEXT PRIMARY KEY NOT NULL REFERENCES organizations (id),
    monthly_tasks INTEGER,
    monthly_tokens INTEGER,
    monthly_cost_nanousd INTEGER
) WITHOUT ROWID;

-- Billionths of a US dollar for a million tokens.
CREATE TABLE prices (
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    model TEXT NOT NULL,
    input_nanousd INTEGER NOT NULL,
    output_nanousd INTEGER NOT NULL,
    cached_nanousd INTEGER NOT NULL,
    PRIMARY KEY (organization_id, model)
) WITHOUT ROWID;
