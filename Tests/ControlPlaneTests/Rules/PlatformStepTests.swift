import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import ControlPlane

/// The platform's store under the format ceiling, as tenants' files are.
@Suite("The platform's schema steps") struct PlatformStepTests {
  /// Every step of level 1.
  ///
  /// No more come here: a step that is new takes a level of its own, the next
  /// ``FormatLevel/newest``, and a place in ``later``. Without one it would be written at once, and
  /// the control plane before could not be started again.
  private static let first: Set<String> = [
    "platform-1", "platform-2", "platform-identity-1", "platform-registers",
    "platform-restores-1", "platform-moves-1", "platform-identity-2", "platform-rebalances-1",
    "platform-identity-3", "platform-alerts-1", "platform-upgrades-1", "platform-registers-2",
    "platform-spreads-1",
  ]
  private static let later: [String: UInt32] = [
    "platform-durability-1": 3, "platform-operations-1": 4,
  ]

  @Test func `every step has the level that it came with`() {
    for step in PlatformSchema.schema.parts.flatMap(\.steps) {
      let level = Self.first.contains(step.id) ? FormatLevel.oldest : Self.later[step.id]
      #expect(level == step.level, "\(step.id)")
      #expect(step.level <= FormatLevel.newest, "\(step.id)")
    }
  }

  @Test func `what the store says of the ceiling its own engine holds to, and it never falls`() {
    let ceiling = FormatCeiling(FormatLevel.oldest)
    let roster = CellRoster(
      clock: SimulatedWallClock(), boot: SimulatedBootClock(), ceiling: ceiling)
    roster.know(formatCeiling: 3)
    roster.know(formatCeiling: 2)
    #expect(ceiling.level == 3 && roster.formatCeiling == 3)
  }
}
