import Testing

@testable import Storage

@Suite struct JobLanesTests {
  @Test func `what ends goes first, each lane in its order`() {
    var lanes = JobLanes<String>()
    #expect(lanes.popFirst() == nil)
    lanes.append("run a", ends: false)
    lanes.append("run b", ends: false)
    lanes.append("settle c", ends: true)
    lanes.append("settle d", ends: true)
    #expect(lanes.popFirst() == "settle c")
    lanes.append("settle e", ends: true)
    lanes.append("run c", ends: false)
    var order: [String] = []
    while let job = lanes.popFirst() { order.append(job) }
    #expect(order == ["settle d", "settle e", "run a", "run b", "run c"])
  }
}
