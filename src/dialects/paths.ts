/** Where browsers check extensions that come by policy; a path of Chromium's own service. */
export const gupdatePath = '/service/update2/crx'
