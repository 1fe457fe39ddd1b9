/// How a mode attacks a system of its own: how often, with what drawn from which seed, and where.
public struct AttackPlan: Sendable {
  public let cycles: Int
  public let seed: UInt64
  public let sabotage: String?
  /// Where `aimstors` stands.
  public let binaries: String
  public let directory: String
  /// Tells a person what happens.
  public let say: @Sendable (String) -> Void

  public init(
    cycles: Int, seed: UInt64, sabotage: String? = nil, binaries: String, directory: String,
    say: @escaping @Sendable (String) -> Void
  ) {
    self.cycles = cycles
    self.seed = seed
    self.sabotage = sabotage
    self.binaries = binaries
    self.directory = directory
    self.say = say
  }

  /// Meets the faults in turn, each cycle on a system of its own, until something is wrong.
  func eachAlone<Fault: CaseIterable & RawRepresentable<String>>(
    _ attack: (Fault, AttackPlan) async -> ChaosReport
  ) async -> ChaosReport where Fault.AllCases == [Fault] {
    var all = ChaosReport()
    for cycle in 0..<cycles where all.complaints.isEmpty {
      let fault = Fault.allCases[cycle % Fault.allCases.count]
      say("cycle \(cycle + 1): \(fault.rawValue)")
      all.add(
        await attack(
          fault,
          AttackPlan(
            cycles: 1, seed: seed + UInt64(cycle), sabotage: sabotage, binaries: binaries,
            directory: "\(directory)/\(cycle)", say: say)))
    }
    return all
  }
}
