import Simulation
import Testing

@Suite struct SimulatedClockTests {
  @Test func `the same seed gives the same bytes`() {
    let first = SeededRandomSource(seed: 42).bytes(24)
    #expect(first == SeededRandomSource(seed: 42).bytes(24))
    #expect(first != SeededRandomSource(seed: 43).bytes(24))
  }
}
