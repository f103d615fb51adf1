//! Functions that are known to read only.
//!
//! Listed by what the engines' manuals say of them; no name here is a change in any of them, and `own` tells whose it is. What is
//! not here, or is another engine's, may be a stored function: it may do anything.

use super::survey::Known;
use super::{Engine, own};

/// What a call of a function does besides giving a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    /// A sequence, a lock or a setting is another one afterwards.
    Other,
    /// Others notice: they wait, are told, or are given a number again.
    Held,
    Unknown,
}

/// Schemas whose functions are the engine's own.
const OWN_SCHEMAS: [&str; 2] = ["pg_catalog", "safe"];

/// `name`: in lower case, with its schema if it was called so.
pub(super) fn effect(name: &str, known: &Known<'_>) -> Effect {
    if known.pure.iter().any(|pure| **pure == *name) {
        return Effect::None;
    }
    let bare = match name.split_once('.') {
        Some((schema, bare)) if OWN_SCHEMAS.contains(&schema) => bare,
        Some(_) => return Effect::Unknown,
        None => name,
    };
    let within = |lists: &[&str]| {
        lists
            .iter()
            .any(|list| list.split_ascii_whitespace().any(|known| known == bare))
    };
    if within(&PURE) && is_own(bare, known.engines) {
        return Effect::None;
    }
    match (within(&[OTHER]), within(&[HELD])) {
        (true, _) => Effect::Other,
        (false, true) => Effect::Held,
        (false, false) => Effect::Unknown,
    }
}

/// Whether a name of the lists is some engine's own, of those that are named; of every engine's, where none is.
fn is_own(name: &str, engines: &[Engine]) -> bool {
    let own = |engine: &Engine| own::is_own(name, *engine);
    match engines.len() < Engine::ALL.len() {
        true => engines.iter().any(own),
        false => engines.iter().all(own),
    }
}

const PURE: [&str; 9] = [
    AGGREGATES, WINDOWS, NUMBERS, TEXTS, TIMES, CHOICES, JSONS, LISTS, SYSTEMS,
];

const AGGREGATES: &str = "any_value approx_count_distinct approx_distinct approx_percentile approx_quantiles approx_top_count \
    approx_top_sum array_agg avg bit_and bit_or bit_xor bool_and bool_or boolor_agg booland_agg corr count count_if countif \
    covar_pop covar_samp every group_concat grouping hll json_agg json_arrayagg json_object_agg json_objectagg jsonb_agg \
    jsonb_object_agg kurtosis listagg logical_and logical_or max max_by median min min_by mode object_agg percentile_cont \
    percentile_disc product regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy \
    skew std stddev stddev_pop stddev_samp string_agg stringagg sum total uniq uniqexact var_pop var_samp variance \
    variance_pop xmlagg";
const WINDOWS: &str = "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank \
    ratio_to_report row_number width_bucket";
const NUMBERS: &str = "abs acos acosh asin asinh atan atan2 atanh cbrt ceil ceiling cos cosh cot crc32 degrees div exp \
    factorial floor gcd greatest is_inf is_nan haversine ieee_divide lcm least ln log log10 log2 mod pi pow power radians \
    rand random round safe_add safe_divide safe_multiply safe_negate safe_subtract scale sign sin sinh sqrt square tan tanh \
    to_decimal to_double to_number to_numeric trunc truncate uniform zeroifnull";
const TEXTS: &str = "ascii base64_decode_string base64_encode bit_length btrim char char_length character_length charindex chr \
    collate concat concat_ws contains contains_substr convert_from convert_to decode editdistance encode endswith ends_with \
    edit_distance field find_in_set format from_base64 from_hex hex hex_encode ilike initcap instr lcase left \
    length levenshtein like locate lower lpad ltrim md5 mid normalize oct octet_length ord overlay parse_ident position \
    quote quote_ident quote_literal quote_nullable regexp_contains regexp_count regexp_extract regexp_extract_all \
    regexp_instr regexp_like regexp_matches regexp_match regexp_replace regexp_split_to_array regexp_split_to_table \
    regexp_substr repeat replace reverse right rpad rtrim sha sha1 sha1_hex sha2 sha2_hex sha224 sha256 sha384 sha512 \
    soundex space split split_part split_to_table startswith starts_with str_position strcmp string_to_array string_to_table \
    strpos strtok strtok_to_array substr substring substring_index text to_base64 to_char to_hex to_varchar \
    translate trim ucase unhex unicode unistr upper uuid uuid_string gen_random_uuid generate_uuid uuid_generate_v4 uuidv4 \
    uuidv7 similarity word_similarity unaccent to_tsvector to_tsquery plainto_tsquery websearch_to_tsquery phraseto_tsquery \
    ts_rank ts_rank_cd ts_headline digest hmac farm_fingerprint hash md5_hex murmur3 fnv_hash";
const TIMES: &str = "add_months adddate addtime age clock_timestamp convert_timezone convert_tz curdate current_date \
    current_datetime current_time current_timestamp curtime date date_add date_bin date_diff date_format date_from_parts \
    date_from_unix_date date_part date_sub date_trunc dateadd datediff datename datepart datetime datetime_add \
    datetime_diff datetime_sub datetime_trunc day dayname dayofmonth dayofweek dayofyear extract extract_date \
    format_date format_datetime format_time format_timestamp from_days from_unixtime getdate hour isfinite \
    justify_days justify_hours justify_interval julianday last_day localtime localtimestamp make_date make_interval \
    make_time make_timestamp make_timestamptz makedate maketime microsecond minute month monthname months_between \
    next_day now parse_date parse_datetime parse_time parse_timestamp period_add period_diff previous_day quarter sec_to_time second \
    statement_timestamp str_to_date strftime subdate subtime sysdate time time_add time_diff time_format time_slice \
    time_sub time_to_sec time_trunc timediff timeofday timestamp timestamp_add timestamp_diff timestamp_micros \
    timestamp_millis timestamp_seconds timestamp_sub timestamp_trunc timestampadd timestampdiff timestamp_from_parts \
    to_date to_days to_seconds to_time to_timestamp to_timestamp_ltz to_timestamp_ntz to_timestamp_tz transaction_timestamp \
    try_to_date try_to_timestamp unix_date unix_micros unix_millis unix_seconds unix_timestamp utc_date utc_time \
    utc_timestamp week weekday weekofyear year yearweek";
const CHOICES: &str = "coalesce decode equal_null if iff ifnull iif isnull nullif nullifzero nvl nvl2 num_nonnulls num_nulls \
    safe_cast to_boolean try_cast try_convert try_to_boolean try_to_decimal try_to_double try_to_number try_to_numeric \
    typeof cast convert exists in any all some not row values";
const JSONS: &str = "as_array as_char as_date as_integer as_object as_varchar check_json flatten get get_path is_array \
    is_boolean is_integer is_null_value is_object json json_array json_array_elements json_array_elements_text \
    json_array_length json_build_array json_build_object json_contains json_contains_path json_depth json_each \
    json_each_text json_extract json_extract_array json_extract_path json_extract_path_text json_extract_scalar \
    json_extract_string json_extract_string_array json_keys json_length json_object json_object_keys json_overlaps \
    json_pretty json_query json_query_array json_quote json_search json_serialize json_strip_nulls json_table json_to_record \
    json_to_recordset json_tree json_type json_typeof json_unquote json_valid json_value json_value_array jsonb_array_elements \
    jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text \
    jsonb_extract_path jsonb_extract_path_text jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query \
    jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_strip_nulls jsonb_to_record jsonb_to_recordset \
    jsonb_typeof object_construct object_construct_keep_null object_keys parse_json row_to_json strip_null_value to_array \
    to_json to_json_string to_jsonb to_object to_variant try_parse_json xpath";
const LISTS: &str = "array array_append array_cat array_compact array_concat array_construct array_contains array_dims \
    array_distinct array_except array_flatten array_intersection array_length array_lower array_max array_min array_ndims \
    array_position array_positions array_prepend array_remove array_replace array_reverse array_size array_slice \
    array_sort array_sum array_to_json array_to_string array_upper arrays_overlap cardinality element_at generate_array \
    generate_date_array generate_series generate_subscripts generate_timestamp_array generator list_contains lower_inc \
    map_keys map_values range seq1 seq2 seq4 seq8 struct tsrange unnest upper_inc string_to_map table result_scan";
const SYSTEMS: &str = "charset coercibility collation connection_id current_account current_catalog current_client \
    current_database current_region current_role current_schema current_schemas current_session current_setting \
    current_statement current_transaction current_user current_version current_warehouse currval database found_rows \
    has_column_privilege has_schema_privilege has_table_privilege inet_aton inet_ntoa last_insert_rowid lastval \
    obj_description col_description pg_backend_pid pg_column_size pg_database_size pg_encoding_to_char pg_get_constraintdef \
    pg_get_expr pg_get_functiondef pg_get_indexdef pg_get_userbyid pg_get_viewdef pg_indexes_size pg_postmaster_start_time \
    pg_relation_size pg_size_pretty pg_table_is_visible pg_table_size pg_total_relation_size pg_typeof row_count \
    schema session_user system_user to_regclass txid_current_if_assigned user version regclass host inet_server_addr \
    format_type sqlite_version changes";

const OTHER: &str = "nextval set_config pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared \
    pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared \
    pg_try_advisory_xact_lock release_lock release_all_locks is_free_lock is_used_lock last_insert_id setseed txid_current \
    pg_current_xact_id pg_export_snapshot";

const HELD: &str = "setval pg_notify pg_sleep pg_sleep_for pg_sleep_until sleep benchmark pg_stat_reset pg_advisory_lock \
    pg_advisory_lock_shared get_lock";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn effect_of(name: &str, engines: &[Engine], pure: &[Box<str>]) -> Effect {
        let known = Known {
            engine: Engine::Postgres,
            engines,
            pure,
            made: BTreeSet::new(),
        };
        effect(name, &known)
    }

    #[test]
    fn a_function_of_another_engine_may_be_a_stored_one() {
        use Engine::{Mysql, Postgres, Redshift, Snowflake, Sqlite};
        let cases: [(&str, &[Engine], &[Engine]); 8] = [
            ("total", &[Sqlite], &[Postgres, Redshift, Mysql]),
            ("get", &[Snowflake], &[Postgres, Mysql]),
            ("hash", &[Snowflake], &[Postgres, Mysql]),
            ("product", &[], &[Postgres, Mysql]),
            ("date_trunc", &[Postgres, Redshift], &[Mysql]),
            ("date_format", &[Mysql], &[Postgres]),
            ("nvl", &[Redshift], &[Postgres, Mysql]),
            ("jsonb_agg", &[Postgres], &[Mysql]),
        ];
        for (name, own, not) in cases {
            for engine in own {
                assert_eq!(effect_of(name, &[*engine], &[]), Effect::None, "{name} {engine:?}");
                assert_eq!(
                    effect_of(name, &[Mysql, *engine], &[]),
                    Effect::None,
                    "{name} {engine:?}"
                );
            }
            for engine in not {
                assert_eq!(effect_of(name, &[*engine], &[]), Effect::Unknown, "{name} {engine:?}");
            }
            assert_eq!(effect_of(name, &Engine::ALL, &[]), Effect::Unknown, "{name}");
        }
        for name in [
            "count",
            "sum",
            "lower",
            "coalesce",
            "now",
            "substring",
            "round",
            "row_number",
        ] {
            assert_eq!(effect_of(name, &Engine::ALL, &[]), Effect::None, "{name}");
            for engine in Engine::ALL {
                assert_eq!(effect_of(name, &[engine], &[]), Effect::None, "{name} {engine:?}");
            }
        }
    }

    #[test]
    fn what_changes_something_is_on_no_list_of_what_only_reads() {
        for name in [
            "setval",
            "nextval",
            "dblink",
            "dblink_exec",
            "pg_terminate_backend",
            "pg_cancel_backend",
            "lo_import",
            "lo_export",
            "lo_unlink",
            "lo_put",
            "pg_read_file",
            "pg_read_binary_file",
            "pg_write_file",
            "query_to_xml",
            "cursor_to_xml",
            "table_to_xml",
            "database_to_xml",
            "ts_stat",
            "pg_reload_conf",
            "pg_rotate_logfile",
            "pg_create_restore_point",
            "pg_switch_wal",
            "load_file",
            "load_extension",
            "sys_exec",
            "sys_eval",
            "external_query",
            "system$abort_session",
            "openrowset",
            "opendatasource",
            "xp_cmdshell",
            "url",
            "remote",
            "file",
            "s3",
            "mysql",
            "postgresql",
            "public.count",
            "app.lower",
            "my_function",
            "http_post",
            "net.http_get",
            "cron.schedule",
            "pg_catalog.setval",
            "crosstab",
            "ts_rewrite",
            "lastval2",
            "writefile",
            "readfile",
            "pg_drop_replication_slot",
            "pg_logical_emit_message",
            "set_config",
            "sleep",
            "pg_advisory_lock",
        ] {
            assert_ne!(effect_of(name, &[Engine::Snowflake], &[]), Effect::None, "{name}");
        }
        let listed = ["app.totals".into()];
        assert_eq!(effect_of("app.totals", &[Engine::Postgres], &listed), Effect::None);
        assert_eq!(effect_of("pg_catalog.lower", &[Engine::Postgres], &[]), Effect::None);
    }
}
