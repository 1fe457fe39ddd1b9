import Testing

@testable import GraphSimulator

@Suite struct FaultsTests {
  @Test func `what is set is shown again`() throws {
    let faults = try Faults([
      "seed": 9, "failure_rate": .double(0.25), "error_codes": [130429], "delay_ms": [5, 9],
      "webhook_5xx_rate": 1, "strict_templates": true,
    ])
    #expect(try Faults(faults.json) == faults)
    // What a request leaves out about templates is what the simulator was started with.
    #expect(try Faults([:], strictTemplates: true).strictTemplates)
    #expect(try !Faults(["strict_templates": false], strictTemplates: true).strictTemplates)
    #expect(faults.webhook5xxRate == 1 && faults.delayMilliseconds == 5...9)
  }

  @Test(
    arguments: [
      ["failure_rate": .double(1.5)], ["failure_rate": "0.1"], ["unheard_of": 1], ["seed": -1],
      ["delay_ms": [9, 5]], ["delay_ms": [0, 999_999_999]], ["error_codes": []],
      ["enforce_window": 1],
    ] as [JSON])
  func `a wrong fault is refused and named`(_ body: JSON) {
    let name = body.members?.first?.name ?? ""
    do {
      _ = try Faults(body)
      Issue.record("accepted \(body.serialized())")
    } catch {
      #expect(error.details?.contains(name) == true)
    }
  }

  @Test func `the same seed decides the same whatever the order`() {
    let subjects = (0..<500).map { "number|user\($0)|0" }
    let dice = FaultDice(seed: 3)
    let forward = Set(subjects.filter { dice.happens(0.1, .refuse, $0) })
    let backward = Set(subjects.reversed().filter { dice.happens(0.1, .refuse, $0) })
    #expect(forward == backward)
    #expect(forward != Set(subjects.filter { FaultDice(seed: 4).happens(0.1, .refuse, $0) }))
  }

  @Test func `a rate is met within a few per cent`() {
    let dice = FaultDice(seed: 11)
    let hits = (0..<20_000).count { dice.happens(0.1, .fail, "106|4915\($0)|0") }
    #expect((1_800...2_200).contains(hits))
  }

  @Test func `nothing happens at rate zero and everything at one`() {
    let dice = FaultDice(seed: 1)
    #expect((0..<1000).allSatisfy { !dice.happens(0, .duplicate, "\($0)") })
    #expect((0..<1000).allSatisfy { dice.happens(1, .duplicate, "\($0)") })
  }
}
