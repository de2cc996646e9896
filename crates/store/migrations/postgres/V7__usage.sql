-- What organizations use, booked with the journal rows that tell it. Days and months are of UTC,
-- money is in billionths of a US dollar, '' stands for none.

CREATE TABLE usage_days (
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id),
    day TEXT COLLATE "C" NOT NULL,
    project_id TEXT COLLATE "C" NOT NULL,
    api_key_id TEXT COLLATE "C" NOT NULL,
    end_user_id TEXT COLLATE "C" NOT NULL,
    model TEXT COLLATE "C" NOT NULL,
    tasks BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    tool_calls BIGINT NOT NULL,
    sandbox_ms BIGINT NOT NULL,
    cost_nanousd BIGINT NOT NULL,
    PRIMARY KEY (organization_id, day, project_id, api_key_id, end_user_id, model)
);

CREATE TABLE usage_months (
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id),
    month TEXT COLLATE "C" NOT NULL,
    tasks BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    cost_nanousd BIGINT NOT NULL,
    PRIMARY KEY (organization_id, month)
);

CREATE TABLE usage_caps (
    organization_id TEXT COLLATE "C" PRIMARY KEY NOT NULL REFERENCES organizations (id),
    monthly_tasks BIGINT,
    monthly_tokens BIGINT,
    monthly_cost_nanousd BIGINT
);

-- Billionths of a US dollar for a million tokens.
CREATE TABLE prices (
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id),
    model TEXT COLLATE "C" NOT NULL,
    input_nanousd BIGINT NOT NULL,
    output_nanousd BIGINT NOT NULL,
    cached_nanousd BIGINT NOT NULL,
    PRIMARY KEY (organization_id, model)
);
