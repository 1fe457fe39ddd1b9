import Testing
import Wire

@Suite("Promotion, state by state") struct PromotionTests {
  @Test func `with all rules nothing acknowledged is lost and nobody serves twice`() {
    let result = PromotionModel().explore()
    #expect(result.violation == nil, "\(result.trace)")
    #expect(result.states > 1_000)
  }

  @Test func `nor with a control plane that comes back from an older copy`() {
    let result = PromotionModel(mayRestore: true).explore()
    #expect(result.violation == nil, "\(result.trace)")
  }

  @Test func `a register that came back names the follower again while nobody was ill`() {
    var model = PromotionModel(mayRestore: true)
    model.crashes = 0
    let result = model.explore {
      $0.restored && $0.register.promotable.contains("f") && $0.standing.phase == .promotable
    }
    #expect(
      result.trace == [
        "the control plane comes back from an older copy",
        "P sees that the register names F no more", "the register adds F again",
      ])
  }

  @Test func `nor in a cell with tenants that wait for nobody`() {
    let result = PromotionModel(isMixed: true).explore()
    #expect(result.violation == nil, "\(result.trace)")
  }

  @Test(arguments: PromotionModel.Rule.allCases)
  func `each rule is needed`(rule: PromotionModel.Rule) {
    let result = PromotionModel(
      dropped: rule, isMixed: rule == .mixedNeedsStop, mayRestore: rule == .restoreEmptiesSet
    ).explore()
    #expect(result.violation != nil)
    #expect(!result.trace.isEmpty)
  }
}

@Suite("The register") struct CellRegisterTests {
  private let register = CellRegister(
    cell: CellID(trusted: "c"), generation: .first, primary: "p", promotable: ["f"])

  @Test func `only the expected version is changed`() throws {
    var register = register
    try register.compareAndSet(.degrade("f"), expecting: 1, from: .first)
    #expect(register.promotable.isEmpty)
    let now = register
    #expect(throws: CellRegister.Refusal.changed(now)) {
      try register.compareAndSet(.add("f"), expecting: 1, from: .first)
    }
    #expect(register == now)
  }

  @Test func `a promotion raises the generation and empties the set`() throws {
    var register = register
    try register.compareAndSet(.promote("f"), expecting: 1, from: nil)
    #expect(register.generation == Generation(2))
    #expect(register.primary == "f")
    #expect(register.promotable.isEmpty)
    let version = register.version
    #expect(throws: CellRegister.Refusal.fenced(Generation(2))) {
      try register.compareAndSet(.add("p"), expecting: version, from: .first)
    }
    #expect(throws: CellRegister.Refusal.notPromotable) {
      try register.compareAndSet(.promote("p"), expecting: version, from: nil)
    }
    #expect(throws: CellRegister.Refusal.isPrimary) {
      try register.compareAndSet(.promoteIncomplete("f"), expecting: version, from: nil)
    }
  }

  @Test func `nobody is promoted in a cell that was ended`() throws {
    var register = CellRegister(
      cell: register.cell, generation: .ended, primary: "p", promotable: ["f"])
    for change in [CellRegister.Change.promote("f"), .promoteIncomplete("g")] {
      #expect(throws: CellRegister.Refusal.fenced(.ended)) {
        try register.compareAndSet(change, expecting: 1, from: nil)
      }
    }
    #expect(register.generation == .ended)
  }
}

@Suite("The start rule") struct StartRuleTests {
  private func decide(
    _ asked: [String: StartRule.Answer], _ others: [StartRule.Answer] = [],
    released: Set<String> = []
  ) -> StartRule.Decision {
    StartRule.decide(generation: .first, asked: asked, others: others, released: released)
  }

  @Test func `a cell alone serves at once`() { #expect(decide([:]) == .serve) }

  @Test func `a follower that is asked must answer, or be released`() {
    #expect(decide(["f": .silent], [.generation(.first)]) != .serve)
    #expect(decide(["f": .silent], [.generation(.first)], released: ["f"]) == .serve)
    #expect(decide(["f": .follower(.first, .isPrefix)]) == .serve)
    #expect(decide(["f": .follower(.first, .isLonger)]) == .fetch("f"))
    #expect(decide(["f": .follower(.first, .differs)]) == .diverged("f"))
  }

  @Test func `somebody must know the generation`() {
    #expect(decide([:], [.silent, .silent]) != .serve)
    #expect(decide([:], [.silent, .generation(.first)]) == .serve)
  }

  @Test func `a higher generation fences, whoever knows it`() {
    let fenced = StartRule.Decision.fenced(Generation(2))
    #expect(decide([:], [.generation(Generation(2))]) == fenced)
    #expect(decide(["f": .follower(Generation(2), .differs)]) == fenced)
    #expect(decide(["f": .silent], [.generation(Generation(2))]) == fenced)
  }
}
