pub(crate) mod scalar;
