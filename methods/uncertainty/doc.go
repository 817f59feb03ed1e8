// Package uncertainty says how sure a prediction is, checks whether that is true, and decides when not to answer.
//
// # Nouns
//
// Evidence is what a network found for each class; it makes a Dirichlet distribution ([Dirichlet]) whose spread is the uncertainty
// ([EvidentialLoss] trains it). A [Conformal] threshold turns scores into sets or intervals that hold the truth as often as promised. An
// out-of-distribution score is larger for inputs unlike the training data, always; [Texture] is the one for other devices. [Groupwise]
// thresholds keep the promise in every subgroup, counting people and not their items. A [Rule] decides when to abstain; a [RiskCoverage]
// curve says what that buys. [Reliability] compares confidence with accuracy.
//
// # Promises
//
//   - Everything works on slices of numbers and needs no engine; losses give their gradients.
//   - Logarithms are natural. Probabilities are [item][class]. Confidence is the largest probability.
//   - A conformal quantile with too few calibration items is +Inf, which covers everything, and never a guess.
//   - A class for which a network stopped finding evidence is detected and said ([DeadClasses]).
package uncertainty
