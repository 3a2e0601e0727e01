use leafhold::expr::wire::{NoCodec, WireError};
use leafhold::expr::{CoreFunctions, Expr, Frame, Name, Scalar, ScalarOp, col, lit};

use crate::dice::batch;
use crate::engine::context;

/// Law I4: nothing recurses on depth, on the default stack of a thread.
#[test]
fn law_i4_documents_of_a_million_nodes() {
    let work = || {
        let mut expr = Frame::from_batches("t", batch().schema(), vec![batch()]).unwrap().expr().clone();
        for at in 0..1_000_000 {
            expr = match at % 100 {
                0 => expr.filter(col("b"), &CoreFunctions).unwrap(),
                _ => expr.limit(at, None),
            };
        }
        let (json, token) = (expr.to_json(&NoCodec).unwrap(), expr.token());
        drop(expr);
        let read = Expr::from_json(&json, &context()).unwrap();
        assert_eq!(read.token(), token);
        assert_eq!(read.post_order().len(), 1_000_001);
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
}

fn nested(levels: usize) -> Scalar {
    (1..levels).fold(col("i"), |scalar, at| match at % 3 {
        0 => scalar + lit(1i64),
        1 => Scalar::new(ScalarOp::Case { operand: false, otherwise: true }, [col("b"), scalar, lit(0i64)]),
        _ => -scalar,
    })
}

#[test]
fn scalars_may_be_deep_but_not_bottomless() {
    let t = Frame::from_batches("t", batch().schema(), vec![batch()]).unwrap();
    let project = move |levels| {
        let columns = [(Name::from("x"), nested(levels))];
        t.expr().clone().project(columns, &CoreFunctions).unwrap()
    };
    let work = move || {
        let deep = project(500);
        assert_eq!(Expr::from_json(&deep.to_json(&NoCodec).unwrap(), &context()).unwrap(), deep);
        let error = project(501).to_json(&NoCodec).unwrap_err();
        assert_eq!(error, WireError::TooDeep { place: "node 1".into(), limit: 500 });
        deep.to_json(&NoCodec).unwrap()
    };
    let json = std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
    // One more by hand, and as many as somebody likes to write.
    let step = r#"["negate",1]"#;
    for more in [1, 1_000_000] {
        let at = json.rfind(step).unwrap();
        let deeper = format!("{}{}{}", &json[..at], format!("{step},").repeat(more), &json[at..]);
        let error = Expr::from_json(&deeper, &context()).unwrap_err();
        assert_eq!(error, WireError::TooDeep { place: "node 1".into(), limit: 500 });
    }
}
