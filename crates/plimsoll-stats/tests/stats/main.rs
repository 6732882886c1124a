//! What is measured, against what the packages say that people know it from.

#[cfg(test)]
mod bootstrap;
#[cfg(test)]
mod contest;
#[cfg(test)]
mod difference;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod loss;
#[cfg(test)]
mod multivariate;
#[cfg(test)]
mod performance;
#[cfg(test)]
mod realized;
#[cfg(test)]
mod sequential;
