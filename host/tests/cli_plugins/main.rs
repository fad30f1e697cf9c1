//! The program `ligature` with plugins of others: what they may use up, several
//! of them in a row, and those that mean harm to the program itself.

mod attacks;
mod built_in;
mod failures;
mod limits;
mod numbers;
mod policies;
