use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use leafhold::expr::{Expr, Literal, Name, Op, Scalar, ScalarOp};
use leafhold::leaf::{ArrowStream, IpcError, Leaf, Values};

use crate::arrays::arrays;
use crate::engine::{Engine, context};

fn no_rows() -> Expr {
    Expr::leaf(Leaf::Values(Values::empty(Arc::new(Schema::empty())))).unwrap()
}

fn round_trip(expr: &Expr) -> Expr {
    let read = Expr::from_json(&expr.to_json(&Engine).unwrap(), &context()).unwrap();
    assert_eq!((read.token(), read.shape(), read.schema()), (expr.token(), expr.shape(), expr.schema()));
    read
}

fn literal(expr: &Expr) -> ArrayRef {
    let Op::Project(columns) = expr.op() else { panic!("a projection") };
    let ScalarOp::Literal(literal) = &columns[0].1.op else { panic!("a literal") };
    literal.array().clone()
}

#[test]
fn literals_of_every_arrow_type_survive() {
    for array in arrays() {
        for row in 0..array.len() {
            let before = Literal::new(array.slice(row, 1));
            let expr = no_rows().project([(Name::from("x"), Scalar::literal(before.clone()))], &Engine).unwrap();
            let json = expr.to_json(&Engine).unwrap();
            // The one that was written must not keep the other alive.
            drop(expr);
            let read = Expr::from_json(&json, &context()).unwrap();
            let after = literal(&read);
            assert_eq!(after.data_type(), array.data_type());
            assert_eq!(&after.to_data(), &before.array().to_data(), "{} row {row}", array.data_type());
            assert_eq!(Literal::new(after).token(), before.token(), "{} row {row}", array.data_type());
        }
        let null = Literal::null(array.data_type());
        let expr = no_rows().project([(Name::from("x"), Scalar::literal(null.clone()))], &Engine).unwrap();
        assert_eq!(Literal::new(literal(&round_trip(&expr))), null);
    }
}

#[test]
fn floats_survive_bit_for_bit() {
    let bits = [0, 1 << 63, 1, 0x7FF0_0000_0000_0001, 0xFFF8_0000_DEAD_BEEF, 0x7FF8 << 48, 0x7FF0 << 48, u64::MAX];
    for bits in bits {
        let value = Scalar::literal(f64::from_bits(bits));
        let expr = no_rows().project([(Name::from("x"), value)], &Engine).unwrap();
        let json = expr.to_json(&Engine).unwrap();
        drop(expr);
        let read = literal(&Expr::from_json(&json, &context()).unwrap());
        assert_eq!(read.as_primitive::<Float64Type>().value(0).to_bits(), bits);
    }
    let array: ArrayRef = Arc::new(arrow_array::Float32Array::from(vec![f32::from_bits(0xFF80_0001)]));
    let expr = no_rows().project([(Name::from("x"), Scalar::literal(Literal::new(array)))], &Engine).unwrap();
    let read = literal(&round_trip(&expr));
    assert_eq!(read.as_primitive::<Float32Type>().value(0).to_bits(), 0xFF80_0001);
}

/// Columns of one type each, and their slices, as batches of a leaf.
#[test]
fn values_of_every_arrow_type_survive() {
    for array in arrays() {
        let metadata = [("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())];
        let field = Field::new("x", array.data_type().clone(), true).with_metadata(metadata.into());
        let schema = Arc::new(Schema::new(vec![field]));
        let whole = RecordBatch::try_new(schema.clone(), vec![array.clone()]).unwrap();
        let slices = vec![whole.slice(1, array.len() - 1), whole.slice(0, 0), whole.clone()];
        let expr = Expr::leaf(Leaf::Values(Values::new("t", schema.clone(), vec![vec![], slices.clone()]))).unwrap();
        let json = expr.to_json(&Engine).unwrap();
        assert_eq!(expr.to_json(&Engine).unwrap(), json, "the same text every time, whatever the metadata");
        let token = expr.token();
        drop(expr);
        let read = Expr::from_json(&json, &context()).unwrap();
        assert_eq!(read.token(), token, "{}", array.data_type());
        let Op::Leaf(Leaf::Values(values)) = read.op() else { panic!("values") };
        assert_eq!(values.schema(), &schema);
        assert_eq!(values.partitions()[1].as_slice(), slices.as_slice());
    }
}

#[test]
fn batches_keep_their_own_schemas() {
    let array: ArrayRef = Arc::new(arrow_array::Int64Array::from(vec![1]));
    let schema = |nullable| Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, nullable)]));
    let batch = |nullable| RecordBatch::try_new(schema(nullable), vec![array.clone()]).unwrap();
    let batches = vec![batch(true), batch(false), batch(false), batch(true)];
    let expr = Expr::leaf(Leaf::Values(Values::new("t", schema(true), vec![batches]))).unwrap();
    let (json, token) = (expr.to_json(&Engine).unwrap(), expr.token());
    drop(expr);
    assert_eq!(Expr::from_json(&json, &context()).unwrap().token(), token);
}

#[test]
fn rows_without_bytes_are_limited_when_written() {
    let schema = Arc::new(Schema::empty());
    let rows = |rows| {
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(schema.clone(), vec![], &options).unwrap();
        ArrowStream::of(&schema, [&batch])
    };
    assert_eq!(rows(1 << 24).unwrap().read().unwrap().1[0].num_rows(), 1 << 24);
    assert!(matches!(rows((1 << 24) + 1).unwrap_err(), IpcError::Rows { .. }));
}
