/// Runs seeds; the product's decisions on a simulated network, disk and clock.
public enum SimulationRun {
  /// Runs one seed; the same seed and options give the same events.
  public static func one(
    seed: UInt64, options: SimulationOptions = SimulationOptions(),
    trace: ((String) -> Void)? = nil
  ) -> SimulationOutcome {
    let deployment = Deployment(seed: seed, options: options, trace: trace)
    let (violation, events) = deployment.run()
    return SimulationOutcome(
      seed: seed, violation: violation, events: events, sometimes: deployment.sometimes)
  }

  /// Runs seeds from `first` on, up to the first that fails.
  public static func many(
    _ count: Int, from first: UInt64 = 1, options: SimulationOptions = SimulationOptions(),
    progress: (Int) -> Void = { _ in }
  ) -> (outcomes: Int, failed: SimulationOutcome?, sometimes: Sometimes, events: UInt64) {
    var sometimes = Sometimes()
    var events: UInt64 = 0
    for index in 0..<count {
      let outcome = one(seed: first + UInt64(index), options: options)
      sometimes.add(outcome.sometimes)
      events += outcome.events
      if outcome.violation != nil { return (index + 1, outcome, sometimes, events) }
      progress(index + 1)
    }
    return (count, nil, sometimes, events)
  }
}
