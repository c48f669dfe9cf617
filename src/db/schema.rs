// The tables of both backends, one for both: see `migrations/`. Written by `UPDATE=1 cargo test schema`.

diesel::table! {
    record_codes (code, entity) {
        entity -> Text,
        code -> Text,
        record_id -> BigInt,
    }
}

diesel::table! {
    audit_events (id) {
        id -> BigInt,
        at -> Timestamp,
        actor -> Text,
        actor_id -> Text,
        action -> Text,
        entity -> Text,
        record_id -> Nullable<BigInt>,
        record_code -> Nullable<Text>,
        reason -> Nullable<Text>,
        before_json -> Nullable<Text>,
        after_json -> Nullable<Text>,
        request_id -> Text,
        hash -> Text,
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
    conferences (id) {
        id -> BigInt,
        code -> Text,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        pairing_id -> BigInt,
        kind -> Text,
        sequence_number -> Nullable<BigInt>,
        title_zh -> Nullable<Text>,
        title_en -> Nullable<Text>,
        status -> Text,
        held_on -> Nullable<Date>,
        host_region_id -> Nullable<BigInt>,
        venue -> Nullable<Text>,
        summary -> Nullable<Text>,
        note -> Nullable<Text>,
        held_order -> Date,
    }
}

diesel::table! {
    conference_participants (id) {
        id -> BigInt,
        conference_id -> BigInt,
        position -> Integer,
        name -> Nullable<Text>,
        title -> Nullable<Text>,
        organization_id -> Nullable<BigInt>,
        region_id -> Nullable<BigInt>,
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
        conference_id -> Nullable<BigInt>,
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
    commitments (id) {
        id -> BigInt,
        code -> Nullable<Text>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        pairing_id -> BigInt,
        agreement_id -> BigInt,
        clause -> Nullable<Text>,
        text_zh -> Text,
        text_en -> Nullable<Text>,
        sector_id -> Nullable<BigInt>,
        starts_on -> Nullable<Date>,
        due_on -> Nullable<Date>,
        indicator_name -> Nullable<Text>,
        indicator_unit -> Nullable<Text>,
        indicator_baseline -> Nullable<BigInt>,
        indicator_target -> Nullable<BigInt>,
        indicator_direction -> Nullable<Text>,
        indicator_accumulation -> Nullable<Text>,
        note -> Nullable<Text>,
        due_order -> Date,
    }
}

diesel::table! {
    commitment_responsible (commitment_id, organization_id) {
        commitment_id -> BigInt,
        organization_id -> BigInt,
        position -> Integer,
    }
}

diesel::table! {
    progress_reports (id) {
        id -> BigInt,
        code -> Nullable<Text>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        pairing_id -> BigInt,
        commitment_id -> BigInt,
        period_start_on -> Date,
        period_end_on -> Date,
        value -> Nullable<BigInt>,
        narrative -> Nullable<Text>,
        status -> Text,
        return_note -> Nullable<Text>,
        supersedes_id -> Nullable<BigInt>,
        submitted_at -> Nullable<Timestamp>,
        submitted_by -> Nullable<Text>,
        reviewed_at -> Nullable<Timestamp>,
        reviewed_by -> Nullable<Text>,
    }
}

diesel::table! {
    projects (id) {
        id -> BigInt,
        code -> Text,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        pairing_id -> BigInt,
        agreement_id -> Nullable<BigInt>,
        title_zh -> Text,
        title_en -> Nullable<Text>,
        description_zh -> Nullable<Text>,
        description_en -> Nullable<Text>,
        location_id -> Nullable<BigInt>,
        status -> Text,
        planned_start_on -> Nullable<Date>,
        planned_end_on -> Nullable<Date>,
        actual_start_on -> Nullable<Date>,
        actual_end_on -> Nullable<Date>,
        investment -> Nullable<BigInt>,
        currency -> Text,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    project_sectors (project_id, sector_id) {
        project_id -> BigInt,
        sector_id -> BigInt,
        position -> Integer,
        share -> BigInt,
    }
}

diesel::table! {
    project_organizations (id) {
        id -> BigInt,
        project_id -> BigInt,
        position -> Integer,
        organization_id -> BigInt,
        role -> Text,
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
        agreement_id -> Nullable<BigInt>,
        project_id -> Nullable<BigInt>,
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

diesel::table! {
    resolutions (id) {
        id -> BigInt,
        code -> Nullable<Text>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        pairing_id -> BigInt,
        conference_id -> BigInt,
        text_zh -> Text,
        text_en -> Nullable<Text>,
        due_on -> Nullable<Date>,
        status -> Text,
        done_on -> Nullable<Date>,
        commitment_id -> Nullable<BigInt>,
        milestone_id -> Nullable<BigInt>,
        note -> Nullable<Text>,
        due_order -> Date,
    }
}

diesel::table! {
    resolution_responsible (resolution_id, organization_id) {
        resolution_id -> BigInt,
        organization_id -> BigInt,
        position -> Integer,
    }
}

diesel::table! {
    liaisons (id) {
        id -> BigInt,
        code -> Nullable<Text>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        pairing_id -> BigInt,
        name -> Nullable<Text>,
        title -> Nullable<Text>,
        body -> Nullable<Text>,
        organization_id -> Nullable<BigInt>,
        from_on -> Nullable<Date>,
        to_on -> Nullable<Date>,
        contact -> Nullable<Text>,
        note -> Nullable<Text>,
        from_order -> Date,
    }
}

diesel::table! {
    exchanges (id) {
        id -> BigInt,
        code -> Nullable<Text>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        pairing_id -> BigInt,
        profession -> Text,
        direction -> Text,
        headcount -> Nullable<BigInt>,
        sending_id -> Nullable<BigInt>,
        hosting_id -> Nullable<BigInt>,
        planned_start_on -> Nullable<Date>,
        planned_end_on -> Nullable<Date>,
        actual_start_on -> Nullable<Date>,
        actual_end_on -> Nullable<Date>,
        status -> Text,
        note -> Nullable<Text>,
        planned_start_order -> Date,
        actual_start_order -> Date,
    }
}

diesel::table! {
    exchange_names (exchange_id, position) {
        exchange_id -> BigInt,
        position -> Integer,
        name -> Text,
    }
}

diesel::table! {
    twinnings (id) {
        id -> BigInt,
        code -> Nullable<Text>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        pairing_id -> BigInt,
        supporter_organization_id -> BigInt,
        recipient_organization_id -> BigInt,
        sector_id -> Nullable<BigInt>,
        from_on -> Nullable<Date>,
        to_on -> Nullable<Date>,
        note -> Nullable<Text>,
        from_order -> Date,
    }
}

diesel::table! {
    funds (id) {
        id -> BigInt,
        code -> Text,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        programme_id -> BigInt,
        name_zh -> Text,
        name_en -> Nullable<Text>,
        starts_on -> Nullable<Date>,
        ends_on -> Nullable<Date>,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    fund_sectors (fund_id, sector_id) {
        fund_id -> BigInt,
        sector_id -> BigInt,
        position -> Integer,
    }
}

diesel::table! {
    fund_source_kinds (fund_id, kind) {
        fund_id -> BigInt,
        kind -> Text,
        position -> Integer,
    }
}

diesel::table! {
    transactions (id) {
        id -> BigInt,
        code -> Nullable<Text>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        kind -> Text,
        amount -> BigInt,
        currency -> Text,
        value_on -> Date,
        fund_id -> Nullable<BigInt>,
        pairing_id -> Nullable<BigInt>,
        project_id -> Nullable<BigInt>,
        provider_id -> Nullable<BigInt>,
        receiver_id -> Nullable<BigInt>,
        reverses_id -> Nullable<BigInt>,
        pass_through -> Bool,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    assets (id) {
        id -> BigInt,
        code -> Nullable<Text>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        region_id -> BigInt,
        name_zh -> Text,
        name_en -> Nullable<Text>,
        kind -> Nullable<Text>,
        designation -> Nullable<Text>,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    api_keys (id) {
        id -> BigInt,
        code -> Text,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        name -> Text,
        role -> Text,
        secret_sha256 -> Text,
        expires_on -> Nullable<Date>,
        revoked_at -> Nullable<Timestamp>,
        last_used_at -> Nullable<Timestamp>,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    api_key_pairings (api_key_id, pairing_id) {
        api_key_id -> BigInt,
        pairing_id -> BigInt,
        position -> Integer,
    }
}

diesel::table! {
    document_pairings (document_id, pairing_id) {
        document_id -> BigInt,
        pairing_id -> BigInt,
        position -> Integer,
    }
}

diesel::table! {
    imports (id) {
        id -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        actor -> Text,
        actor_id -> Text,
        file_name -> Nullable<Text>,
        format -> Text,
        resource -> Nullable<Text>,
        byte_size -> BigInt,
        sha256 -> Text,
        mode -> Text,
        prune_json -> Text,
        status -> Text,
        run -> Nullable<Text>,
        records -> Nullable<BigInt>,
        done -> BigInt,
        creates -> Nullable<BigInt>,
        updates -> Nullable<BigInt>,
        unchanged -> Nullable<BigInt>,
        deletes -> Nullable<BigInt>,
        refused -> Nullable<BigInt>,
        errors -> Nullable<BigInt>,
        warnings -> Nullable<BigInt>,
        state_sha256 -> Nullable<Text>,
        planned_at -> Nullable<Timestamp>,
        applied_at -> Nullable<Timestamp>,
        failure_zh -> Nullable<Text>,
        failure_en -> Nullable<Text>,
        stale_json -> Nullable<Text>,
        restore -> Bool,
        restores -> Nullable<BigInt>,
        ignore_unknown_columns -> Bool,
    }
}

diesel::table! {
    import_pieces (import_id, position) {
        import_id -> BigInt,
        position -> Integer,
        bytes -> Binary,
    }
}

diesel::table! {
    import_faults (import_id, position) {
        import_id -> BigInt,
        position -> BigInt,
        severity -> Text,
        fault_json -> Text,
    }
}

diesel::table! {
    calendar_keys (id) {
        id -> BigInt,
        code -> Text,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        pairing_id -> BigInt,
        feed -> Text,
        name -> Text,
        secret_sha256 -> Text,
        expires_on -> Nullable<Date>,
        revoked_at -> Nullable<Timestamp>,
        created_by -> Text,
    }
}

diesel::table! {
    webhooks (id) {
        id -> BigInt,
        code -> Nullable<Text>,
        version -> BigInt,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        url -> Text,
        description -> Nullable<Text>,
        status -> Text,
        entities_json -> Text,
        actions_json -> Text,
        secret -> Text,
        previous_secret -> Nullable<Text>,
        previous_secret_expires_at -> Nullable<Timestamp>,
        event_cursor -> BigInt,
    }
}

diesel::table! {
    webhook_pairings (webhook_id, pairing_id) {
        webhook_id -> BigInt,
        pairing_id -> BigInt,
        position -> Integer,
    }
}

diesel::table! {
    webhook_deliveries (id) {
        id -> BigInt,
        webhook_id -> BigInt,
        event_id -> Nullable<BigInt>,
        message_id -> Text,
        event_type -> Text,
        entity -> Text,
        record_id -> BigInt,
        status -> Text,
        attempts -> Integer,
        created_at -> Timestamp,
        next_attempt_at -> Timestamp,
        claim -> Nullable<Text>,
        last_attempt_at -> Nullable<Timestamp>,
        last_status_code -> Nullable<Integer>,
        last_failure -> Nullable<Text>,
        ended_at -> Nullable<Timestamp>,
        is_blocked -> Bool,
    }
}

diesel::table! {
    request_refusals (id) {
        id -> BigInt,
        hour -> Timestamp,
        network -> Text,
        actor -> Text,
        actor_id -> Text,
        operation -> Text,
        code -> Text,
        method -> Text,
        path -> Text,
        status -> Nullable<Integer>,
        request_id -> Text,
        count -> BigInt,
        first_at -> Timestamp,
        last_at -> Timestamp,
    }
}

diesel::table! {
    import_lines (import_id, position) {
        import_id -> BigInt,
        position -> BigInt,
        resource -> Text,
        code -> Nullable<Text>,
        outcome -> Text,
        version -> Nullable<BigInt>,
        changes_json -> Nullable<Text>,
    }
}

diesel::table! {
    service_checks (id) {
        id -> BigInt,
        checked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    pending_audit_events (id) {
        id -> BigInt,
        event_json -> Text,
        entity -> Text,
        record_id -> Nullable<BigInt>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    record_codes,
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
    conferences,
    conference_participants,
    agreements,
    agreement_parties,
    agreement_sectors,
    amendments,
    commitments,
    commitment_responsible,
    progress_reports,
    projects,
    project_sectors,
    project_organizations,
    milestones,
    milestone_responsible,
    milestone_dependencies,
    milestone_revisions,
    resolutions,
    resolution_responsible,
    liaisons,
    exchanges,
    exchange_names,
    twinnings,
    funds,
    fund_sectors,
    fund_source_kinds,
    transactions,
    assets,
    api_keys,
    api_key_pairings,
    document_pairings,
    imports,
    import_pieces,
    import_faults,
    calendar_keys,
    webhooks,
    webhook_pairings,
    webhook_deliveries,
    request_refusals,
    import_lines,
    service_checks,
    pending_audit_events,
);
