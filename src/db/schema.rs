// The tables of both backends, one for both: see `migrations/`. A test compares it with what the migrations make.

diesel::table! {
    record_codes (entity, code) {
        entity -> Text,
        code -> Text,
        record_id -> BigInt,
    }
}

diesel::table! {
    api_keys (id) {
        id -> BigInt,
        name -> Text,
        role -> Text,
        prefix -> Text,
        secret_sha256 -> Text,
        created_at -> Timestamp,
        revoked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    audit_events (id) {
        id -> BigInt,
        at -> Timestamp,
        actor -> Text,
        action -> Text,
        entity -> Text,
        record_id -> BigInt,
        record_code -> Nullable<Text>,
        reason -> Nullable<Text>,
        before_json -> Nullable<Text>,
        after_json -> Nullable<Text>,
        request_id -> Text,
    }
}

diesel::table! {
    idempotency_keys (actor, idempotency_key) {
        actor -> Text,
        idempotency_key -> Text,
        request_sha256 -> Text,
        status -> Integer,
        location -> Nullable<Text>,
        etag -> Nullable<Text>,
        body -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    documents (id) {
        id -> BigInt,
        code -> Text,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        title_zh -> Text,
        title_en -> Nullable<Text>,
        kind -> Nullable<Text>,
        publisher -> Nullable<Text>,
        published_on -> Nullable<Date>,
        url -> Nullable<Text>,
        language -> Nullable<Text>,
        note -> Nullable<Text>,
        media_type -> Nullable<Text>,
        byte_size -> Nullable<BigInt>,
        sha256 -> Nullable<Text>,
    }
}

diesel::table! {
    document_contents (document_id) {
        document_id -> BigInt,
        content -> Binary,
    }
}

diesel::table! {
    citations (id) {
        id -> BigInt,
        entity -> Text,
        record_id -> BigInt,
        position -> Integer,
        document_id -> BigInt,
        field -> Nullable<Text>,
        locator -> Nullable<Text>,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    programmes (id) {
        id -> BigInt,
        code -> Text,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        name_zh -> Text,
        name_en -> Nullable<Text>,
        description_zh -> Nullable<Text>,
        description_en -> Nullable<Text>,
        lead_body -> Nullable<Text>,
        starts_on -> Nullable<Date>,
        ends_on -> Nullable<Date>,
        principles_zh -> Nullable<Text>,
        principles_en -> Nullable<Text>,
    }
}

diesel::table! {
    regions (id) {
        id -> BigInt,
        code -> Text,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        division_code -> Nullable<Text>,
        name_zh -> Text,
        name_en -> Nullable<Text>,
        level -> Text,
        parent_id -> Nullable<BigInt>,
        latitude -> Nullable<Double>,
        longitude -> Nullable<Double>,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    organizations (id) {
        id -> BigInt,
        code -> Text,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        name_zh -> Text,
        name_en -> Nullable<Text>,
        kind -> Text,
        region_id -> BigInt,
        parent_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    sectors (id) {
        id -> BigInt,
        code -> Text,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        name_zh -> Text,
        name_en -> Nullable<Text>,
        vocabulary -> Nullable<Text>,
        parent_id -> Nullable<BigInt>,
        description_zh -> Nullable<Text>,
        description_en -> Nullable<Text>,
    }
}

diesel::table! {
    pairings (id) {
        id -> BigInt,
        code -> Text,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        programme_id -> BigInt,
        name_zh -> Text,
        name_en -> Nullable<Text>,
        established_on -> Nullable<Date>,
        ended_on -> Nullable<Date>,
        supersedes_id -> Nullable<BigInt>,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    pairing_members (id) {
        id -> BigInt,
        pairing_id -> BigInt,
        position -> Integer,
        region_id -> BigInt,
        role -> Text,
        is_lead -> Bool,
        from_on -> Nullable<Date>,
        to_on -> Nullable<Date>,
    }
}

diesel::table! {
    pairing_sectors (pairing_id, sector_id) {
        pairing_id -> BigInt,
        sector_id -> BigInt,
        position -> Integer,
    }
}

diesel::table! {
    api_key_pairings (api_key_id, pairing_id) {
        api_key_id -> BigInt,
        pairing_id -> BigInt,
    }
}

diesel::table! {
    agreements (id) {
        id -> BigInt,
        code -> Text,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        pairing_id -> BigInt,
        kind -> Text,
        title_zh -> Text,
        title_en -> Nullable<Text>,
        number -> Nullable<Text>,
        parent_id -> Nullable<BigInt>,
        status -> Text,
        status_on -> Nullable<Date>,
        status_reason -> Nullable<Text>,
        signed_on -> Nullable<Date>,
        effective_on -> Nullable<Date>,
        expires_on -> Nullable<Date>,
        summary_zh -> Nullable<Text>,
        summary_en -> Nullable<Text>,
        note -> Nullable<Text>,
        signed_order -> Date,
    }
}

diesel::table! {
    agreement_parties (id) {
        id -> BigInt,
        agreement_id -> BigInt,
        position -> Integer,
        region_id -> Nullable<BigInt>,
        organization_id -> Nullable<BigInt>,
        side -> Text,
        signatory -> Nullable<Text>,
        signatory_title -> Nullable<Text>,
        signed_on -> Nullable<Date>,
    }
}

diesel::table! {
    agreement_sectors (agreement_id, sector_id) {
        agreement_id -> BigInt,
        sector_id -> BigInt,
        position -> Integer,
    }
}

diesel::table! {
    amendments (id) {
        id -> BigInt,
        agreement_id -> BigInt,
        number -> BigInt,
        title_zh -> Text,
        title_en -> Nullable<Text>,
        signed_on -> Nullable<Date>,
        effective_on -> Nullable<Date>,
        summary_zh -> Nullable<Text>,
        summary_en -> Nullable<Text>,
        created_at -> Timestamp,
        created_by -> Text,
    }
}

diesel::table! {
    milestones (id) {
        id -> BigInt,
        code -> Nullable<Text>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        pairing_id -> BigInt,
        agreement_id -> BigInt,
        title_zh -> Text,
        title_en -> Nullable<Text>,
        kind -> Nullable<Text>,
        due_on -> Date,
        baseline_due_on -> Date,
        forecast_on -> Nullable<Date>,
        met_on -> Nullable<Date>,
        status -> Text,
        status_reason -> Nullable<Text>,
        progress -> Integer,
        weight_thousandths -> BigInt,
        note -> Nullable<Text>,
        supporter_confirmed_at -> Nullable<Timestamp>,
        recipient_confirmed_at -> Nullable<Timestamp>,
        is_open -> Bool,
    }
}

diesel::table! {
    milestone_responsible (milestone_id, organization_id) {
        milestone_id -> BigInt,
        organization_id -> BigInt,
        position -> Integer,
    }
}

diesel::table! {
    milestone_dependencies (milestone_id, depends_on_id) {
        milestone_id -> BigInt,
        depends_on_id -> BigInt,
        position -> Integer,
    }
}

diesel::table! {
    milestone_revisions (id) {
        id -> BigInt,
        milestone_id -> BigInt,
        old_due_on -> Date,
        new_due_on -> Date,
        reason -> Text,
        revised_at -> Timestamp,
        revised_by -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    record_codes,
    api_keys,
    audit_events,
    idempotency_keys,
    documents,
    document_contents,
    citations,
    programmes,
    regions,
    organizations,
    sectors,
    pairings,
    pairing_members,
    pairing_sectors,
    api_key_pairings,
    agreements,
    agreement_parties,
    agreement_sectors,
    amendments,
    milestones,
    milestone_responsible,
    milestone_dependencies,
    milestone_revisions,
);
