//! Which functions that only read are an engine's own.
//!
//! SECURITY: what one engine has, another may have as somebody's stored function, which may do anything: `total`, `get`, `hash`
//! (test `a_function_of_another_engine_may_be_a_stored_one`). It matters where queries call stored functions that change
//! things by their bare names; of the other engines functions in queries only compute.

use super::Engine;

/// Whether a name of the lists is a function of that engine's own.
pub(super) fn is_own(name: &str, engine: Engine) -> bool {
    let within = |list: &str| list.split_ascii_whitespace().any(|known| known == name);
    match engine {
        Engine::Postgres => !within(NOT_POSTGRES),
        Engine::Redshift => !within(NOT_POSTGRES) || within(REDSHIFT),
        Engine::Mysql => within(MYSQL),
        Engine::Bigquery
        | Engine::Clickhouse
        | Engine::Databricks
        | Engine::Duckdb
        | Engine::Mssql
        | Engine::Snowflake
        | Engine::Sqlite => true,
    }
}

/// What PostgreSQL and the modules that come with it do not have.
const NOT_POSTGRES: &str = "add_months adddate addtime approx_count_distinct approx_distinct approx_percentile approx_quantiles \
    approx_top_count approx_top_sum array_compact array_concat array_construct array_contains array_distinct \
    array_except array_flatten array_intersection array_max array_min array_reverse array_size array_slice \
    array_sort array_sum arrays_overlap as_array as_char as_date as_integer as_object as_varchar \
    base64_decode_string base64_encode booland_agg boolor_agg changes charindex charset check_json coercibility \
    connection_id contains contains_substr convert_timezone convert_tz count_if countif curdate current_account \
    current_client current_datetime current_region current_session current_statement current_transaction \
    current_version current_warehouse curtime database date_add date_diff date_format date_from_parts \
    date_from_unix_date date_sub dateadd datediff datename datepart datetime datetime_add datetime_diff datetime_sub \
    datetime_trunc day dayname dayofmonth dayofweek dayofyear edit_distance editdistance element_at ends_with \
    endswith equal_null extract_date farm_fingerprint field find_in_set flatten fnv_hash format_date format_datetime \
    format_time format_timestamp found_rows from_base64 from_days from_hex from_unixtime generate_array \
    generate_date_array generate_timestamp_array generate_uuid generator get get_path getdate group_concat hash \
    haversine hex hex_encode hll hour ieee_divide if iff ifnull iif inet_aton inet_ntoa instr is_array is_boolean \
    is_inf is_integer is_nan is_null_value is_object isnull json_contains json_contains_path json_depth json_extract \
    json_extract_array json_extract_scalar json_extract_string json_extract_string_array json_keys json_length \
    json_overlaps json_pretty json_query_array json_quote json_search json_tree json_type json_unquote json_valid \
    json_value_array julianday kurtosis last_day last_insert_rowid lcase list_contains listagg locate log2 \
    logical_and logical_or makedate maketime map_keys map_values max_by md5_hex median microsecond mid min_by minute \
    month monthname months_between murmur3 next_day nullifzero nvl nvl2 object_agg object_construct \
    object_construct_keep_null object_keys oct ord parse_date parse_datetime parse_json parse_time parse_timestamp \
    period_add period_diff previous_day product quarter quote rand range ratio_to_report regexp_contains \
    regexp_extract regexp_extract_all result_scan row_count safe_add safe_cast safe_divide safe_multiply safe_negate \
    safe_subtract schema sec_to_time second seq1 seq2 seq4 seq8 sha sha1 sha1_hex sha2 sha2_hex skew space split \
    split_to_table sqlite_version square startswith std str_position str_to_date strcmp strftime string_to_map \
    stringagg strip_null_value strtok strtok_to_array struct subdate substring_index subtime sysdate table time_add \
    time_diff time_format time_slice time_sub time_to_sec time_trunc timediff timestamp_add timestamp_diff \
    timestamp_from_parts timestamp_micros timestamp_millis timestamp_seconds timestamp_sub timestamp_trunc \
    timestampadd timestampdiff to_array to_base64 to_boolean to_days to_decimal to_double to_json_string to_numeric \
    to_object to_seconds to_time to_timestamp_ltz to_timestamp_ntz to_timestamp_tz to_varchar to_variant total \
    truncate try_cast try_convert try_parse_json try_to_boolean try_to_date try_to_decimal try_to_double \
    try_to_number try_to_numeric try_to_timestamp typeof ucase unhex unicode uniform uniq uniqexact unix_date \
    unix_micros unix_millis unix_seconds unix_timestamp utc_date utc_time utc_timestamp uuid uuid_string \
    variance_pop week weekday weekofyear year yearweek zeroifnull";

/// What Redshift has of these all the same.
const REDSHIFT: &str = "add_months approx_count_distinct array_concat array_flatten charindex convert_timezone date_diff dateadd \
    datediff getdate hll is_array is_boolean is_integer is_object isnull last_day listagg median months_between \
    next_day nvl nvl2 ratio_to_report sha sha1 sha2 sysdate try_cast";

/// All that MySQL has.
const MYSQL: &str = "abs acos adddate addtime all any any_value ascii asin atan atan2 avg bit_and bit_length bit_or bit_xor cast ceil \
    ceiling char char_length character_length charset coalesce coercibility collate collation concat concat_ws \
    connection_id convert convert_tz cos cot count crc32 cume_dist curdate current_date current_role current_time \
    current_timestamp current_user curtime database date date_add date_format date_sub datediff day dayname \
    dayofmonth dayofweek dayofyear degrees dense_rank exists exp extract field find_in_set first_value floor format \
    found_rows from_base64 from_days from_unixtime greatest group_concat grouping hex hour if ifnull in inet_aton \
    inet_ntoa instr isnull json_array json_arrayagg json_contains json_contains_path json_depth json_extract \
    json_keys json_length json_object json_objectagg json_overlaps json_pretty json_quote json_search json_table \
    json_type json_unquote json_valid json_value lag last_day last_value lcase lead least left length like ln \
    localtime localtimestamp locate log log10 log2 lower lpad ltrim makedate maketime max md5 microsecond mid min \
    minute mod month monthname not now nth_value ntile nullif oct octet_length ord percent_rank period_add \
    period_diff pi position pow power quarter quote radians rand rank regexp_instr regexp_like regexp_replace \
    regexp_substr repeat replace reverse right round row row_count row_number rpad rtrim schema sec_to_time second \
    session_user sha sha1 sha2 sign sin some soundex space sqrt std stddev stddev_pop stddev_samp str_to_date strcmp \
    subdate substr substring substring_index subtime sum sysdate system_user tan time time_format time_to_sec \
    timediff timestamp timestampadd timestampdiff to_base64 to_days to_seconds trim truncate ucase unhex \
    unix_timestamp upper user utc_date utc_time utc_timestamp uuid values var_pop var_samp variance version week \
    weekday weekofyear year yearweek";
