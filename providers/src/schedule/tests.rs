use super::*;

#[test]
fn what_the_guide_shows_is_taken() {
    for text in [
        "rate(1 minute)",
        "rate(5 minutes)",
        "rate(1 hour)",
        "rate(10 hours)",
        "rate(1 day)",
        "rate(7 days)",
        "cron(15 10 * * ? *)",
        "cron(0 18 ? * MON-FRI *)",
        "cron(0 8 1 * ? *)",
        "cron(0/10 * ? * MON-FRI *)",
        "cron(0/5 8-17 ? * mon-fri *)",
        "cron(0 9 ? * 2#1 *)",
        "cron(0/30 20-2 ? * MON-FRI *)",
        "cron(15 10 ? * 6L 2019-2022)",
        "cron(0 0 L * ? *)",
        "cron(0 0 LW JAN,MAR,12 ? 2199)",
        "cron(0 0 3W * ? 1970/2)",
        "cron(*/15 /2 1,15 */3 ? *)",
        "cron(0 0 L-3 * ? *)",
        "cron(0 0 ? * L *)",
    ] {
        assert_eq!(check(text), Ok(()), "{text}");
    }
}

#[test]
fn a_rate_agrees_with_its_unit() {
    for (text, said) in [
        (
            "rate(1 minutes)",
            "`rate(1 minutes)`: after 1 the unit is `minute`",
        ),
        (
            "rate(5 minute)",
            "`rate(5 minute)`: after 5 the unit is `minutes`",
        ),
        (
            "rate(0 hours)",
            "`rate(0 hours)`: the number must be greater than 0",
        ),
        (
            "rate(5 weeks)",
            "`weeks` is no unit of a rate: minutes, hours and days are",
        ),
        ("rate(5 Minutes)", "`Minutes` is no unit of a rate"),
        (
            "rate(-5 minutes)",
            "is not a whole number and a unit, such as `rate(5 minutes)`",
        ),
        ("rate(1.5 hours)", "is not a whole number"),
        ("rate(5)", "is not a whole number"),
        ("rate(5 minutes ago)", "is not a whole number"),
        (
            "5 minutes",
            "`5 minutes` is neither `rate(VALUE UNIT)` nor `cron(",
        ),
        ("Rate(5 minutes)", "is neither"),
        ("rate(5 minutes) ", "is neither"),
        ("", "`` is neither"),
        (
            "at(2030-01-01T00:00:00)",
            "a rule repeats; `at(...)` is known to EventBridge Scheduler only",
        ),
    ] {
        let error = check(text).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn a_cron_expression_says_where_it_is_wrong() {
    for (text, said) in [
        (
            "cron(0 12 * * ?)",
            "`cron(0 12 * * ?)` has 5 fields, and a cron expression has six: minutes,",
        ),
        ("cron()", "has 0 fields"),
        ("cron(60 * * * ? *)", "minutes `60`: must be 0 to 59"),
        ("cron(0 24 * * ? *)", "hours `24`: must be 0 to 23"),
        ("cron(0 0 32 * ? *)", "day-of-month `32`: must be 1 to 31"),
        ("cron(0 0 0 * ? *)", "day-of-month `0`: must be 1 to 31"),
        ("cron(0 0 1 13 ? *)", "month `13`: must be 1 to 12 or JAN to DEC"),
        (
            "cron(0 0 1 MON ? *)",
            "month `MON`: must be 1 to 12 or JAN to DEC",
        ),
        (
            "cron(0 0 ? * 0 *)",
            "day-of-week `0`: must be 1 to 7 or SUN to SAT",
        ),
        (
            "cron(0 0 ? * MON-FUN *)",
            "day-of-week `MON-FUN`: must be 1 to 7 or SUN to SAT",
        ),
        ("cron(0 0 * * ? 1969)", "year `1969`: must be 1970 to 2199"),
        (
            "cron(0 0 * * ? 2030-2020)",
            "year `2030-2020`: ends before it begins",
        ),
        (
            "cron(0 0 * * * *)",
            "says both day-of-month and day-of-week: one of them must be `?`",
        ),
        ("cron(0 0 1 * MON *)", "says both"),
        (
            "cron(0 0 ? * ? *)",
            "says neither day-of-month nor day-of-week: only one of them can be `?`",
        ),
        (
            "cron(? 0 * * ? *)",
            "minutes `?`: `?` stands alone, and for day-of-month or day-of-week only",
        ),
        ("cron(0 0 1,? * ? *)", "day-of-month `?`: `?` stands alone"),
        (
            "cron(0/0 * * * ? *)",
            "minutes `0/0`: a step is a number from 1 to 59",
        ),
        ("cron(0/x * * * ? *)", "minutes `0/x`: a step is a number"),
        ("cron(*/99999999999 * * * ? *)", "a step is a number from 1 to 59"),
        (
            "cron(1,,2 * * * ? *)",
            "minutes ``: there is nothing before or after a comma",
        ),
        (
            "cron(0 0 ? * 2#6 *)",
            "day-of-week `2#6`: a number from 1 to 5 follows `#`",
        ),
        (
            "cron(0 0 ? * 2#1,3#1 *)",
            "day-of-week `2#1,3#1`: with `#` there can be one day only",
        ),
        ("cron(0 0 ? * 8L *)", "day-of-week `8L`: must be 1 to 7"),
        ("cron(0 0 32W * ? *)", "day-of-month `32W`: must be 1 to 31"),
        ("cron(0 0 1-5W * ? *)", "day-of-month `1-5W`: must be 1 to 31"),
        (
            "cron(0 0 L-40 * ? *)",
            "day-of-month `L-40`: a number from 1 to 30 follows `L-`",
        ),
        ("cron(L 0 * * ? *)", "minutes `L`: must be 0 to 59"),
        ("cron(5- * * * ? *)", "minutes `5-`: must be 0 to 59"),
    ] {
        let error = check(text).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}
