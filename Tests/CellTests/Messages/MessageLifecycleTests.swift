import Testing

@testable import Cell

/// Compares values of calls that mutate, which `#expect` cannot take in.
private func expect<T: Equatable>(
  _ actual: T, _ expected: T, sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(actual == expected, sourceLocation: sourceLocation)
}

@Suite("Message lifecycle") struct MessageLifecycleTests {
  private func sending() -> MessageLifecycle {
    var message = MessageLifecycle()
    _ = message.beginSend()
    return message
  }

  @Test func `a message that is accepted is charged once`() {
    var message = sending()
    expect(message.noteAccepted(), [.capture])
    expect(message.noteAccepted(), [])
    #expect(message.state == .accepted)
  }

  @Test func `only a waiting message can be sent`() {
    var message = MessageLifecycle()
    expect(message.beginSend(), true)
    expect(message.beginSend(), false)
    #expect(message.attempts == 1)
    _ = message.noteAmbiguous()
    expect(message.beginSend(), false)
    #expect(message.state == .ambiguous)
  }

  @Test func `delivery rises and never falls`() {
    var message = sending()
    expect(message.noteStatus(.read), [.capture])
    for status in [StatusKind.delivered, .sent, .other("warning"), .read] {
      expect(message.noteStatus(status), [])
      #expect(message.state == .read)
    }
    expect(message.noteStatus(.played), [])
    #expect(message.state == .played)
  }

  @Test func `a failed status refunds once`() {
    var message = sending()
    _ = message.noteAccepted()
    expect(message.noteStatus(.failed), [.refund])
    expect(message.noteStatus(.failed), [])
    expect(message.noteStatus(.sent), [])
    #expect(message.state == .failed)
  }

  @Test func `a failed status before the answer charges and refunds`() {
    var message = sending()
    expect(message.noteStatus(.failed), [.capture, .refund])
    expect(message.noteAccepted(), [])
    #expect(message.state == .failed)
  }

  @Test func `failed after delivered does not refund`() {
    var message = sending()
    _ = message.noteStatus(.delivered)
    expect(message.noteStatus(.failed), [.alert(.failedAfterDelivery)])
    #expect(message.state == .delivered)
  }

  @Test func `delivered after failed is charged again and reported`() {
    var message = sending()
    _ = message.noteStatus(.failed)
    expect(message.noteStatus(.delivered), [.chargeAgain, .alert(.deliveredAfterFailure)])
    #expect(message.state == .delivered)
    expect(message.noteStatus(.delivered), [])
  }

  @Test func `an ambiguous send keeps its money until a status tells`() {
    var message = sending()
    expect(message.noteAmbiguous(), [])
    expect(message.noteRetry(), [])
    #expect(message.state == .ambiguous)
    expect(message.noteStatus(.sent), [.capture])
    #expect(message.state == .sent)
  }

  @Test func `an ambiguous send that nobody mentions expires with its hold`() {
    var message = sending()
    _ = message.noteAmbiguous()
    expect(message.expire(), [.release])
    expect(message.noteStatus(.delivered), [.chargeAgain, .alert(.acceptedAfterRelease)])
    #expect(message.state == .delivered)
  }

  @Test func `a refusal after a status changes nothing but is reported`() {
    var message = sending()
    _ = message.noteStatus(.sent)
    expect(message.noteRefused(), [.alert(.refusedAfterStatus)])
    expect(message.noteRetry(), [.alert(.refusedAfterStatus)])
    #expect(message.state == .sent)
  }

  @Test func `a message is cancelled or suppressed only while it waits`() {
    var waiting = MessageLifecycle()
    expect(waiting.cancel(), [.release])
    expect(waiting.suppress(), [])
    var gone = sending()
    expect(gone.cancel(), [])
    expect(gone.suppress(), [])
    #expect(gone.state == .sending)
  }
}
