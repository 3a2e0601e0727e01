use std::sync::Arc;

use leafhold::expr::Extension;
use leafhold::expr::wire::{Codec, CodecError, NoCodec};
use leafhold::leaf::ScanSource;

use crate::convert::PlanBarrier;
use crate::files::FileTable;

/// Sends what DataFusion owns to other processes.
///
/// * A table is sent as the path of its file, with its size, time stamp and statistics. Whoever reads it
///   must be able to open that path and find that very file: a file that is missing or was changed is an
///   error that names it.
/// * A barrier is refused. It holds a plan of DataFusion's own, and DataFusion's SQL writer does not promise
///   that what it writes means the same when it is planned again (types of literals, coerced operands,
///   qualified names and the columns of subqueries can change).
///
/// ```no_run
/// use leafhold::expr::wire::ReadContext;
/// use leafhold::lower::Fragment;
/// use leafhold_datafusion::{DataFusionCodec, EngineFunctions};
///
/// # let bytes: Vec<u8> = vec![];
/// let context = ReadContext::new(&EngineFunctions).with_codec(&DataFusionCodec);
/// let fragment = Fragment::from_bytes(&bytes, &context)?;
/// # Ok::<_, leafhold::expr::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DataFusionCodec;

impl Codec for DataFusionCodec {
    fn encode_extension(&self, extension: &dyn Extension) -> Result<Vec<u8>, CodecError> {
        match extension.as_any().is::<PlanBarrier>() {
            true => Err(refused(extension.name())),
            false => NoCodec.encode_extension(extension),
        }
    }

    fn decode_extension(&self, name: &str, _: &[u8]) -> Result<Arc<dyn Extension>, CodecError> {
        Err(refused(name))
    }

    fn encode_scan(&self, source: &dyn ScanSource) -> Result<Vec<u8>, CodecError> {
        match source.as_any().downcast_ref::<FileTable>() {
            Some(table) => table.to_bytes(),
            None => Err(CodecError(format!("{source:?} is a table of another engine than DataFusion"))),
        }
    }

    fn decode_scan(&self, bytes: &[u8]) -> Result<Arc<dyn ScanSource>, CodecError> {
        Ok(Arc::new(FileTable::from_bytes(bytes)?))
    }
}

fn refused(name: &str) -> CodecError {
    CodecError(format!(
        "barrier `{name}` cannot be sent: it is a plan of DataFusion's own, which has no written form to rely on; \
         run this query on the local executor"
    ))
}
