//! Jobs against a real ledger, contract and model.
