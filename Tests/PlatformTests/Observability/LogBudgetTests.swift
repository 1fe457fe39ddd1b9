import Platform
import Testing

@Suite struct LogBudgetTests {
  @Test func `a second has so many lines, and the next one says how many were left out`() {
    let budget = LogBudget(perSecond: 2)
    let began = ContinuousClock.now
    #expect(budget.take(at: began) == 0)
    #expect(budget.take(at: began) == 0)
    for _ in 0..<3 { #expect(budget.take(at: began + .milliseconds(999)) == nil) }
    #expect(budget.take(at: began + .seconds(1)) == 3)
    #expect(budget.take(at: began + .seconds(1)) == 0)
    #expect(budget.take(at: began + .seconds(1)) == nil)
  }
}
