new oidc.UserManager({}).signinSilentCallback()
