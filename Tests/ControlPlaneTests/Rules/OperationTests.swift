import Testing
import Wire

@testable import ControlPlane

@Suite("Operation") struct OperationTests {
  private let t = Timestamp(seconds: 100)

  private func operation(_ kind: OperationKind = .tenantCreate) -> ControlPlane.Operation {
    ControlPlane.Operation(
      id: OperationID(trusted: "op_1"), kind: kind, subject: "s", total: 1, unit: "cells", at: t)
  }

  @Test func `it goes through its steps in order and ends with its progress full`() throws {
    var operation = operation()
    try operation.start(at: t)
    #expect(operation.stepName == "provision")
    try operation.finished(step: "provision", at: t)
    #expect(operation.stepName == "announce")
    try operation.finished(step: "announce", at: t)
    try operation.succeeded(result: "{}", at: t)
    #expect(operation.state == .succeeded)
    #expect(operation.progress.done == 1)
  }

  @Test func `after a restart it starts again where it was`() throws {
    var operation = operation()
    try operation.start(at: t)
    try operation.finished(step: "provision", at: t)
    try operation.start(at: t)
    try operation.finished(step: "provision", at: t)
    #expect(operation.stepName == "announce")
  }

  @Test func `no step is skipped and success needs all of them`() throws {
    var operation = operation()
    try operation.start(at: t)
    #expect(throws: Failure.self) { try operation.finished(step: "announce", at: t) }
    #expect(throws: Failure.self) { try operation.finished(step: "dance", at: t) }
    #expect(throws: Failure.self) { try operation.succeeded(result: "{}", at: t) }
    #expect(operation.state == .running)
  }

  @Test func `it is cancelled while nothing outside has been told, twice the same`() throws {
    var operation = operation()
    try operation.cancel(at: t)
    try operation.cancel(at: t)
    #expect(operation.state == .cancelled)
    #expect(throws: Failure.self) { try operation.start(at: t) }
  }

  @Test func `it is not cancelled once a cell may have been told`() throws {
    var operation = operation()
    try operation.start(at: t)
    #expect(throws: Failure.self) { try operation.cancel(at: t) }
    #expect(operation.state == .running)
  }

  @Test func `what is over stays over`() throws {
    var operation = operation(.sendStop)
    try operation.start(at: t)
    try operation.failed(Failure(.cellUnavailable, "gone"), at: t)
    #expect(operation.error?.code == .cellUnavailable)
    #expect(throws: Failure.self) { try operation.start(at: t) }
    #expect(throws: Failure.self) { try operation.failed(Failure(.conflict, ""), at: t) }
    #expect(throws: Failure.self) { try operation.cancel(at: t) }
  }
}
