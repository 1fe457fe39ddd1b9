import Testing

@testable import GraphSimulator

@Suite struct StatusPlanTests {
  private func plan(_ change: (inout Faults) -> Void) -> [PlannedStatus] {
    var faults = Faults()
    change(&faults)
    return StatusPlan.plan(for: .sample(), faults)
  }

  @Test func `without faults a message is sent, delivered and read, in order`() {
    let plan = plan { _ in }
    #expect(plan.map(\.status) == ["sent", "delivered", "read"])
    #expect(plan.map(\.leavesAfter) == plan.map(\.leavesAfter).sorted())
    #expect(plan.map(\.isPriced) == [true, true, false])
    #expect(plan.allSatisfy { $0.copyLeavesAfter == nil && $0.errorCode == nil })
  }

  @Test func `a message without delivered has its price on read`() {
    let plan = plan { $0.missingDeliveredRate = 1 }
    #expect(plan.map(\.status) == ["sent", "read"])
    #expect(plan.map(\.isPriced) == [true, true])
  }

  @Test func `lost statuses never leave, and the others keep their price`() {
    #expect(plan { $0.webhookLossRate = 1 }.isEmpty)
    let some: [[PlannedStatus]] = (UInt64(1)...200).map { seed in
      plan {
        $0.seed = seed
        $0.webhookLossRate = 0.5
      }
    }
    #expect(Set(some.map(\.count)) == [0, 1, 2, 3])
    #expect(some.joined().allSatisfy { $0.isPriced == ($0.status != "read") })
  }

  @Test func `a failed message ends with failed and one of the codes`() {
    let plan = plan {
      $0.statusFailureRate = 1
      $0.statusErrorCodes = [131049]
    }
    #expect(plan.last?.status == "failed" && plan.last?.errorCode == 131049)
    #expect(!plan.contains { $0.status == "delivered" || $0.status == "read" })
  }

  @Test func `reordered statuses leave the other way round but happen as they did`() {
    let plan = plan { $0.reorderRate = 1 }
    #expect(plan.map(\.happensAfter) == plan.map(\.happensAfter).sorted())
    #expect(plan.map(\.leavesAfter) == plan.map(\.leavesAfter).sorted(by: >))
  }

  @Test func `every duplicate leaves after its first copy`() {
    let plan = plan { $0.duplicateRate = 1 }
    #expect(plan.count == 3)
    for status in plan { #expect((status.copyLeavesAfter ?? 0) > status.happensAfter) }
  }
}

extension AcceptedMessage {
  static func sample(userID: String? = nil) -> AcceptedMessage {
    AcceptedMessage(
      wamid: "wamid.X", number: PhoneNumber.series(1)[0],
      recipient: Recipient(
        input: "+491", waID: userID == nil ? "491511234567" : nil, userID: userID),
      category: "marketing", pricingType: "regular", callbackData: "ours/1", isTemplate: true,
      subject: "s", acceptedAt: 1_750_000_000_000)
  }
}
