-- The sample company's tables, created in the transaction that also fills them.
-- The two pragmas identify the file. Keep them equal to APPLICATION_ID and SCHEMA_VERSION in mod.rs.
PRAGMA application_id = 1952932723; -- "tgcs"
PRAGMA user_version = 3;

CREATE TABLE employees (
    id                TEXT PRIMARY KEY,
    name              TEXT NOT NULL,
    title             TEXT NOT NULL,
    department        TEXT NOT NULL,
    location          TEXT NOT NULL,
    email             TEXT NOT NULL UNIQUE,
    manager_id        TEXT REFERENCES employees (id) DEFERRABLE INITIALLY DEFERRED,
    started_on        TEXT NOT NULL,
    date_of_birth     TEXT NOT NULL,
    annual_salary_usd INTEGER NOT NULL,
    personal_email    TEXT NOT NULL,
    personal_phone    TEXT NOT NULL,
    home_address      TEXT NOT NULL
) STRICT;

CREATE TABLE payroll (
    month              TEXT NOT NULL,
    employee_id        TEXT NOT NULL REFERENCES employees (id),
    salary_usd         INTEGER NOT NULL,
    bonus_usd          INTEGER NOT NULL,
    employer_taxes_usd INTEGER NOT NULL,
    PRIMARY KEY (month, employee_id)
) STRICT, WITHOUT ROWID;

-- The latest export of each month.
CREATE TABLE payroll_exports (
    month       TEXT PRIMARY KEY,
    exported_by TEXT,
    exported_at TEXT NOT NULL
) STRICT;

CREATE TABLE customers (
    id                  TEXT PRIMARY KEY,
    name                TEXT NOT NULL,
    industry            TEXT NOT NULL,
    region              TEXT NOT NULL,
    plan                TEXT NOT NULL,
    status              TEXT NOT NULL,
    customer_since      TEXT NOT NULL,
    seats               INTEGER NOT NULL,
    annual_contract_usd INTEGER NOT NULL,
    health_score        INTEGER NOT NULL,
    account_manager_id  TEXT NOT NULL REFERENCES employees (id),
    contact_name        TEXT NOT NULL,
    contact_title       TEXT NOT NULL,
    contact_email       TEXT NOT NULL,
    contact_phone       TEXT NOT NULL,
    billing_address     TEXT NOT NULL
) STRICT;

CREATE TABLE revenue (
    quarter    TEXT NOT NULL,
    product    TEXT NOT NULL,
    region     TEXT NOT NULL,
    amount_usd INTEGER NOT NULL,
    PRIMARY KEY (quarter, product, region)
) STRICT, WITHOUT ROWID;

CREATE TABLE metrics (
    metric TEXT NOT NULL,
    day    TEXT NOT NULL,
    value  REAL NOT NULL,
    PRIMARY KEY (metric, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE tickets (
    id          TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL REFERENCES customers (id),
    assignee_id TEXT NOT NULL REFERENCES employees (id),
    queue       TEXT NOT NULL,
    subject     TEXT NOT NULL,
    description TEXT NOT NULL,
    priority    TEXT NOT NULL,
    status      TEXT NOT NULL,
    opened_at   TEXT NOT NULL,
    updated_at  TEXT NOT NULL
) STRICT;

-- Users who may update tickets, by the e-mail address of their account at the authorization server.
CREATE TABLE support_agents (
    email TEXT PRIMARY KEY,
    queue TEXT NOT NULL
) STRICT;

CREATE TABLE ticket_comments (
    ticket_id  TEXT NOT NULL REFERENCES tickets (id),
    number     INTEGER NOT NULL,
    author     TEXT,
    status     TEXT NOT NULL,
    comment    TEXT NOT NULL,
    written_at TEXT NOT NULL,
    PRIMARY KEY (ticket_id, number)
) STRICT, WITHOUT ROWID;
