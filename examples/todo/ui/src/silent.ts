import { manager } from './manager'

// Tells the page around this frame where the provider has sent it.
void manager.signinSilentCallback()
