//! What records are called.

use std::collections::BTreeSet;

use super::*;
use crate::policy::kinds;

#[test]
fn a_table_is_the_same_however_it_is_spelt() {
    for spelt in [
        "contracts",
        "Contracts",
        "public.contracts",
        "acme.sales.CONTRACTS",
        "public.\"Contracts\"",
        "[dbo].[contracts]",
        "`acme.sales.contracts`",
        " contracts ",
        "arn:aws:dynamodb:us-east-1:123456789012:table/contracts",
        "IDENTIFIER('sales.contracts')",
        "contracts$20261120",
        "<contracts>",
    ] {
        let tables = Value::List(vec!["orders".to_owned(), spelt.to_owned()]);
        for (field, value) in [("sql_tables", tables), ("record_kind", Value::Text(spelt.to_owned()))] {
            let mut action = action("read_record", &[]);
            action.fields.insert(field.into(), value);
            assert!(
                kinds::of(&action).contains("contracts"),
                "{spelt}: {:?}",
                kinds::of(&action)
            );
        }
        let mut action = action("read_record", &[]);
        action.target.kind = "table".into();
        action.target.id = Some(spelt.to_owned());
        assert!(kinds::of(&action).contains("contracts"), "{spelt}");
    }
    for other in ["contracts.orders", "contracts_old", "orders", "$", ""] {
        assert_ne!(kinds::bare(other), "contracts", "{other}");
    }
}

#[test]
fn the_id_of_what_is_no_table_is_no_kind_of_record() {
    let mut action = action("read_record", &[]);
    action.target.kind = "Agreement".into();
    action.target.id = Some("contracts".to_owned());
    assert_eq!(kinds::of(&action), BTreeSet::from(["agreement".to_owned()]));
}
