import Simulation

/// The calls of a script, in as many strata as there are cycles to strike them: one call of each.
///
/// With as many cycles as calls every call is struck.
struct CallSweep: Hashable, Sendable {
  /// Calls of the script, which are numbered from 1; at least one.
  let calls: Int
  /// Cycles that share them.
  let cycles: Int

  /// A call of the stratum `index`, counted from 0.
  func call(_ index: Int, _ random: SeededRandomSource) -> Int {
    let (first, end) = (calls * index / cycles, calls * (index + 1) / cycles)
    return 1 + first + random.below(max(1, end - first))
  }
}
