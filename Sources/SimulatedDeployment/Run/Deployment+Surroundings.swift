import Wire

/// What surrounds the processes: disks that are full for a while, clocks that are set.
extension Deployment {
  /// Something of that kind now and then, by a chance of its own.
  ///
  /// Where it does not strike, a seed's other choices are what they are without it.
  func planSurroundings() {
    guard options.fullDisks > 0 || options.clockSteps > 0 else { return }
    plan(after: otherChoice.number(in: 50_000...300_000), "disks and clocks") { [unowned self] in
      guard isFaulty else { return }
      if otherChoice.happens(options.fullDisks) { fillDisk(of: otherChoice.one(of: nodes)) }
      if otherChoice.happens(options.clockSteps) { setClock(of: otherChoice.one(of: nodes)) }
      planSurroundings()
    }
  }

  private func fillDisk(of node: SimulatedNode) {
    let left = otherChoice.number(in: 0...options.roomLeft)
    trace("the disk of \(node.id) has \(left) bytes left")
    node.fillDisk(leaving: left)
    plan(after: otherChoice.number(in: 50_000...400_000), "\(node.id) has room again") {
      node.makeRoom()
    }
  }

  /// Up to ten minutes ahead of the truth or behind it.
  private func setClock(of node: SimulatedNode) {
    let lead = otherChoice.number(in: -600_000...600_000)
    trace("the clock of \(node.id) is set \(lead) ms ahead")
    node.clocks.setWall(ahead: lead)
  }
}
