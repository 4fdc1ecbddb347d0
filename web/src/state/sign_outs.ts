/** Sign-outs of a participant, which end the sessions in all tabs. */
export class SignOuts {
  private readonly channel: BroadcastChannel;

  /** `ended` is called when the participant signs out in another tab. */
  constructor(httpUrl: string, participantId: string, ended: () => void) {
    this.channel = new BroadcastChannel(`serverless-chat/sign-out/${httpUrl}/${participantId}`);
    this.channel.onmessage = ended;
  }

  /** Tell the other tabs. */
  announce(): void {
    this.channel.postMessage(null);
  }

  close(): void {
    this.channel.close();
  }
}
