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
}
